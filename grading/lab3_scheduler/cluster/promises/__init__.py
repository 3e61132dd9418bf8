"""What part 3A promises, judged over messages, jobs and crashes."""
