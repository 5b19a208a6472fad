"""Bodies as OBJ and GLB files for other programs.

Both formats are written as viewers expect them: y up, facing +z, metres. Vertices come in the camera frame (x right,
y down, z forward), so (x, y, z) is written as (x, -y, -z): a person upright before the camera stands upright and looks
at the viewer. The translation is kept unless ``centred``.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from trimesh import Scene, Trimesh
from trimesh.exchange.gltf import export_glb
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from rscnet.files import write_atomically
from rscnet.render.scene import GAMMA, VIEWER_FROM_CAMERA, Mesh, TextureMap
from rscnet.render.shading import vertex_normals

_Surface = tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"], Int[np.ndarray, "f 3"]]


def write_obj(path: str | Path, mesh: Mesh, centred: bool = True, picture: str | None = None) -> None:
    """Write Wavefront OBJ: geometry and normals, vertex colours where the mesh has them.

    A texture goes to ``<name>.mtl`` and ``<name>.png`` (or ``picture``) beside the file. The file keeps the mesh's own
    vertices (UV are indexed on their own), in order, so that vertex i is the body model's vertex i.

    Args:
        path: where to write; an existing file is replaced in one step.
        mesh: in the camera frame.
        centred: put the middle of the bounding box at the origin, away from the tens of metres of the camera's lens.
        picture: name of the texture's file.
    """
    path = Path(path)
    positions, normals, faces = _surface(mesh, centred, welded=True)
    colours = mesh.colour.detach().cpu().numpy() if isinstance(mesh.colour, Tensor) and mesh.texture is None else None
    positions = positions if colours is None else np.hstack([positions, colours])
    lines = ["# rscnet: metres, y up, facing +z"]
    if mesh.texture is not None:
        _write_material(path, mesh.texture, picture or path.with_suffix(".png").name)
        lines += [f"mtllib {path.stem}.mtl", "usemtl body"]
    lines += ["v " + " ".join(f"{value:.6f}" for value in row) for row in positions.tolist()]
    uv = [] if mesh.texture is None else mesh.texture.vt.detach().cpu().tolist()
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv]
    lines += ["vn {:.5f} {:.5f} {:.5f}".format(*row) for row in normals.tolist()]
    faces = (faces + 1).tolist()
    uv_faces = [[""] * 3] * len(faces) if mesh.texture is None else (mesh.texture.ft.cpu().numpy() + 1).tolist()
    for face, uv_face in zip(faces, uv_faces, strict=True):
        lines.append("f " + " ".join(f"{v}/{t}/{v}" for v, t in zip(face, uv_face, strict=True)))
    write_atomically(path, lambda file: file.write_text("\n".join(lines) + "\n"))


def write_glb(path: str | Path, mesh: Mesh, centred: bool = True) -> None:
    """Write binary glTF with normals and colour, vertex colours or texture in the one file.

    A textured mesh has one vertex per UV coordinate (the format has a single index per corner), with the normals of the
    welded mesh so that no seams show. Arguments as in `write_obj`.
    """
    positions, normals, faces = _surface(mesh, centred, welded=mesh.texture is None)
    exported = Trimesh(positions, faces, vertex_normals=normals, process=False, visual=_visual(mesh))
    data = export_glb(Scene(geometry={"body": exported}), include_normals=True)
    write_atomically(Path(path), lambda file: file.write_bytes(data))


def _surface(mesh: Mesh, centred: bool, welded: bool) -> _Surface:
    """Positions, normals and faces in the viewer's frame; not welded: one vertex per UV coordinate."""
    vertices = mesh.vertices.detach().float()
    normals = vertex_normals(vertices[None], mesh.faces)[0]
    vertices = vertices - mesh.centre() if centred else vertices
    faces = mesh.faces
    if not welded and mesh.texture is not None:
        vertex = mesh.texture.vertex_of_uv(faces)
        vertices, normals, faces = vertices[vertex], normals[vertex], mesh.texture.ft
    positions, directions = (array.cpu().numpy() * np.array(VIEWER_FROM_CAMERA) for array in (vertices, normals))
    return positions, directions, faces.cpu().numpy()


def _visual(mesh: Mesh) -> Any:
    """Colours as trimesh wants them."""
    if mesh.texture is not None:
        picture = Image.fromarray(mesh.texture.as_bytes())
        material = PBRMaterial(metallicFactor=0.0, roughnessFactor=0.8, baseColorTexture=picture)
        return TextureVisuals(uv=mesh.texture.vt.detach().cpu().numpy(), material=material)
    if isinstance(mesh.colour, Tensor):
        return ColorVisuals(vertex_colors=(mesh.colour.detach().cpu().numpy() ** GAMMA * 255).round().astype(np.uint8))
    linear = [*(value**GAMMA for value in mesh.colour), 1.0]
    return TextureVisuals(material=PBRMaterial(metallicFactor=0.0, roughnessFactor=0.8, baseColorFactor=linear))


def _write_material(path: Path, texture: TextureMap, picture: str) -> None:
    write_atomically(path.with_name(picture), lambda file: Image.fromarray(texture.as_bytes()).save(file, format="PNG"))
    text = f"newmtl body\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nmap_Kd {picture}\n"
    write_atomically(path.with_suffix(".mtl"), lambda file: file.write_text(text))
