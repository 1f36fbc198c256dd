# One target. Its result is a folder of files, so nothing else is needed to look at it.

target "default" {
  context  = "hello"
  contexts = { rootfs = "rootfs" }
  args     = { GREETING = "Hello" }
  output   = ["type=local,dest=bake-out/hello"]
}
