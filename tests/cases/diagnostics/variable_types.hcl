variable "A" {
  type    = numbr
  default = 1
}

variable "B" {
  type    = number
  default = "one"
}

variable "C" {
  type = list
}
