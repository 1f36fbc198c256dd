target "app" {
  labels = {
    "a" = "fine"
    "b" = ["not", "fine"]
  }
}
