variable "PORT" {
  type    = number
  default = 70000
  validation {
    condition     = PORT < 65536
    error_message = "The port must be below 65536."
  }
}
