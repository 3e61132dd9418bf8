"""Small programs that every world runs: the same clusters, the same outcomes."""
