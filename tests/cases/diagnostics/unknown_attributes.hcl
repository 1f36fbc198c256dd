target "app" {
  tag = ["app"]
  args {
    A = 1
  }
  labels = {}
}

tagret "web" {}

variable "A" {
  defualt     = 1
  description = "Used below."
}

group "default" {
  targets  = ["app"]
  platform = A
}
