# arguments: wbe api
target "web" {}
