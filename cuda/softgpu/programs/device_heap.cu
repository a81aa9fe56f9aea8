// malloc and free on the device: a binary search tree a thread, built from nodes of the heap, walked and
// given back; and memcpy and memset of structs.
//
// Proves the device heap, pointers stored in heap memory, and null as the end of a chain.
#include <cuda_runtime.h>

namespace {

struct Node {
  int key, count;
  Node* children[2];
};

__device__ void insert(Node** root, int key) {
  while (*root != nullptr) {
    if ((*root)->key == key) {
      ++(*root)->count;
      return;
    }
    root = &(*root)->children[key > (*root)->key];
  }
  Node* node = static_cast<Node*>(malloc(sizeof(Node)));
  memset(node, 0, sizeof(Node));
  node->key = key;
  node->count = 1;
  *root = node;
}

/// In order, by a rotation to the right wherever there is a left child: needs no stack. Frees as it goes.
__device__ int drain(Node* root, int* sorted) {
  int written = 0;
  while (root != nullptr) {
    if (Node* left = root->children[0]; left != nullptr) {
      root->children[0] = left->children[1];
      left->children[1] = root;
      root = left;
      continue;
    }
    Node copy;
    memcpy(&copy, root, sizeof(Node));
    for (int i = 0; i < copy.count; ++i) sorted[written++] = copy.key;
    free(root);
    root = copy.children[1];
  }
  return written;
}

}  // namespace

extern "C" __global__ void tree_sort(const int* x, int* y, int length) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  Node* root = nullptr;
  for (int i = 0; i < length; ++i) insert(&root, x[thread * length + i]);
  drain(root, y + thread * length);
}
