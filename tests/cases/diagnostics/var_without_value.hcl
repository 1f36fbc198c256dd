# arguments: --var TAG
variable "TAG" {}

target "app" {
  tags = ["app:${TAG}"]
}
