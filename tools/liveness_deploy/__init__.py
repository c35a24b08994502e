"""What stands between `serverless.yml` and a deployment that cannot work. Never deployed itself."""
