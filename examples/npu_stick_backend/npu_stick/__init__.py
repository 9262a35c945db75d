"""An imaginary NPU stick for Cluster4NPU: `driver` stands for the vendor's SDK, `backend` is what you would write."""
