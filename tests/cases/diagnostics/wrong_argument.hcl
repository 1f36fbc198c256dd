target "app" {
  args = {
    A = join(",", "a")
    B = split(",", ["a"])
    C = parseint("12x", 10)
  }
}
