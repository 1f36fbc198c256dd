variable "VERSION" {
  default = "1.0"
}

target "app" {
  tags = ["app:${VERSIN}", "app:${other}"]
}
