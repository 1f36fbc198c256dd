"""Model cty's types and values: conversion, unification, operators, numbers."""
