# arguments: --set ap.tags=x
target "app" {}
