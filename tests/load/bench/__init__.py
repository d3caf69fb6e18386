"""``make bench``: what Carnet costs, as a ratio to a floor measured in the same run.

Each row and its floor are measured interleaved, in slices, with the same driver, TLS, client and number of client processes, keys drawn
at random from at least ten thousand. Absolute numbers depend on the machine; ratios are what is compared.
"""
