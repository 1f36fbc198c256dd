target "_base" {
  platforms = ["linx"]
}

target "_middle" {
  inherits = ["_base"]
}

target "app" {
  inherits = ["_middle"]
}
