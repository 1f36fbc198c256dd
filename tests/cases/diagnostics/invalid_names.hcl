target "my app" {}

group "all!" {
  targets = []
}

target "a" "b" {}

target {}
