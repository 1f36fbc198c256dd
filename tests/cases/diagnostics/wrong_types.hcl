target "app" {
  tags      = "app:latest"
  args      = ["a"]
  platforms = [["linux/amd64"]]
  no-cache  = "often"
  context   = { a = 1 }
}
