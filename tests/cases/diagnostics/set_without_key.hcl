# arguments: --set app=x
target "app" {}
