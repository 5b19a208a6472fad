"""Builder of the embedded body: from a skeleton and an analytic surface to a file in SMPL's own format.

Everything is made from code (numpy and scipy); no scanned or licensed data enters. Lengths are metres, y counts from
the floor while building, +x is the subject's left, z the facing direction.
"""
