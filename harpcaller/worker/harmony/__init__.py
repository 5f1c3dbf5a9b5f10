"""Services of NASA's Harmony as procedures: run by command line, or asked by HTTP."""
