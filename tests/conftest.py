import os

# Tests never reach for a network, even where there is one.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import torch

# Small models are fastest on one thread, and sums then come out alike on every machine.
torch.set_num_threads(1)
