# arguments: --set app.contexts=x
target "app" {}
