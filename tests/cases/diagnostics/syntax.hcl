target "app" {
  args = {
    A = true ? 1
  }
}

target "web" {
  tags = ["a" "b"]
}

target "api" {
  name: "x"
}
