# arguments: --set app.no-cache=often
target "app" {}
