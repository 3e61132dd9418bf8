"""The judgement of parts 3B to 3D: who gets what, who must give it back, and where it goes."""
