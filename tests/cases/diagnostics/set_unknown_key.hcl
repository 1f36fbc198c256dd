# arguments: --set app.platfrom=linux/amd64
target "app" {}
