group "default" {
  targets = ["app", "wbe"]
}

target "app" {
  inherits = ["_comon"]
}

target "_common" {}

target "web" {
  contexts = { base = "target:bse" }
}
