"""Meshes as pictures and files: rasteriser, textures, light, overlays and turntables, OBJ and GLB."""
