# Four images out of one target block: every combination of the axes is a target of its own.

variable "VERSION" {
  default = "1.0"
}

target "default" {
  name = "${app}-${flavour}"
  matrix = {
    app     = ["api", "web"]
    flavour = ["small", "debug"]
  }
  context  = "service"
  contexts = { rootfs = "rootfs" }
  target   = flavour
  args     = { APP = app, GREETING = "hello", VERSION = VERSION }
  tags     = ["example/${app}:${VERSION}-${flavour}"]
  output   = ["type=oci,dest=bake-out/${app}-${flavour}.tar"]
}
