variable "A" {
  default = B
}

variable "B" {
  default = "${C}-b"
}

variable "C" {
  default = A
}
