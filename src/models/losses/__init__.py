"""What training minimises, and how classes weigh in it."""
