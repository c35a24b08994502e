"""`liveness review`: a page for the people who look at results and decide, on their own machine."""
