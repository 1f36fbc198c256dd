target "app" {
  platforms   = ["linux/amd64", "linx"]
  shm-size    = "64x"
  ulimits     = ["nofile"]
  annotations = ["novalue"]
  output      = ["type=local"]
  tags        = ["App:latest", "app:la test"]
  network     = "hots"
}
