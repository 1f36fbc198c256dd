target "app" {
  contexts = { base = "target:base" }
}

target "base" {
  contexts = { app = "target:app" }
}
