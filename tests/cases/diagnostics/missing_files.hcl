target "app" {
  context = "servcies/app"
}

target "web" {
  dockerfile = "Dockerfil"
}

target "api" {
  contexts = { base = "./assets" }
  secret   = [{ id = "token", src = "token.txt" }]
}
