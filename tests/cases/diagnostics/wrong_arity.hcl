target "app" {
  args = {
    A = join(",")
    B = upper("a", "b")
    C = replace("a", "b")
  }
}
