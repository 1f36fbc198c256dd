function "even" {
  params = [n]
  result = odd(n)
}

function "odd" {
  params = [n]
  result = even(n)
}

target "app" {
  args = { A = even(2) }
}
