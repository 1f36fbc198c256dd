# arguments: --var PORT=eighty --var PORTS_JSON=[1,
variable "PORT" {
  type = number
}

variable "PORTS" {
  type = list(number)
}

target "app" {
  args = { PORT = PORT, PORTS = join(",", PORTS) }
}
