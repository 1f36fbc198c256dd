target "app" {
  matrix = {
    go = ["1.23", "1.24"]
  }
}

target "web" {
  name = "web-${node}"
  matrix = {
    node = ["20", "20"]
  }
}

target "api" {
  name = "api-${v}"
  matrix = {
    v = ["1.0"]
  }
}

target "job" {
  name = "job"
}

target "cli" {
  name   = "cli-${os}"
  matrix = { os = "linux" }
}
