variable "N" {
  default = null
}

target "app" {
  dockerfile-inline = "FROM scratch"
  args = {
    A = 1 + "x"
    B = !5
    C = N ? 1 : 2
    D = [1, 2][5]
    E = 1 / 0
    F = true ? [1] : {}
  }
}
