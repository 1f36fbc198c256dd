# The step reads the secret from a file that exists only while it runs; no layer holds it.

target "default" {
  context  = "secret"
  contexts = { rootfs = "rootfs" }
  secret   = ["id=token,src=secret/token"]
  output   = ["type=local,dest=bake-out/secret"]
}
