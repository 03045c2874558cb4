"""What images and labels are there, and what does each image measure?"""
