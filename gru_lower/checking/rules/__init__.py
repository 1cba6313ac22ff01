"""The rules of ``check``: one file each, named by the codes it may find."""
