"""What people say of a comment's tags: kept label by label, and shown in place of what any model says."""
