group "default" {
  targets = ["app", "web"]
}

target "app" {
  tags = ["repo/app:latest"]
}

target "web" {
  tags   = ["repo/app:latest"]
  target = "web"
}
