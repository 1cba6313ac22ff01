"""Write what jieba 0.42.1 itself makes of sentences; test_jieba.py holds its export to that.

The package's paddle mode runs where paddle still has the API it was written for, in an environment of Python 3.8:
pip install jieba==0.42.1 paddlepaddle==1.8.5 "protobuf<3.21" "numpy<1.20", then python jieba_own_output.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jieba.lac_small.predict as own
import numpy as np
from paddle import fluid

SENTENCES = ["我爱北京天安门", "今天天气很好,我们去公园散步。", "他来到了网易杭研大厦", "The GRU 模型有两层。"]


def tagged(sentence: str) -> dict[str, Any]:
    """Return the ids of characters, the words, their tags, and the scores that the tags were decoded from."""
    ids = own.dataset.get_vars(sentence)
    words = fluid.create_lod_tensor(np.array(ids, np.int64).reshape(-1, 1), [[len(ids)]], own.place)
    (scores,) = own.exe.run(own.infer_program, feed={"words": words}, fetch_list=["fc_4.tmp_1"], return_numpy=False)
    parts, tags = own.get_result(sentence)
    rounded = [[round(float(score), 5) for score in row] for row in np.array(scores)]
    return {"ids": ids, "words": parts, "tags": tags, "scores": rounded}


results = {sentence: tagged(sentence) for sentence in SENTENCES}
lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in results.items())
Path(__file__).with_suffix(".json").write_text("{\n" + lines + "\n}\n")
