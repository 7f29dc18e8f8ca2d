"""What a recruiter does: profile, pipeline, outreach; and how fast recruiters answer."""
