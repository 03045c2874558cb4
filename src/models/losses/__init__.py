"""What training minimises, and how classes weigh in it: a module per loss, named after it."""
