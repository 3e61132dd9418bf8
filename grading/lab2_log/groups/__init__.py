"""The judgement of part 2G, consumer groups: promises, schedules, scenarios, exams, bugs."""
