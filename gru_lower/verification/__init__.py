"""Run models in an isolated process and decide whether two of them compute the same.

``whole`` compares two models, ``site`` one rewritten node with its replacement, both through ``runtime`` (the parent's
end of ``worker``), on inputs made by ``feeds`` and judged by ``compare``.
"""
