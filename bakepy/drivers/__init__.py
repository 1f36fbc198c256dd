"""Reach the engines behind a builder: one file for each driver."""
