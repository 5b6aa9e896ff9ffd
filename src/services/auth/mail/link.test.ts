import { expect, test } from 'vitest'
import { actionLink } from './link.ts'

test.each([
  // external URL                    path                             target                     link
  [
    'http://localhost:8000/auth/v1',
    '/auth/v1/verify',
    'https://a.example',
    'http://localhost:8000/auth/v1/verify?token=h&type=signup&redirect_to=https://a.example',
  ],
  [
    'http://localhost:8000/auth/v1',
    '/verify',
    'https://a.example',
    'http://localhost:8000/verify?token=h&type=signup&redirect_to=https://a.example',
  ],
  [
    'http://x.example',
    'https://api.example/auth/v1/verify',
    'https://a.example',
    'https://api.example/auth/v1/verify?token=h&type=signup&redirect_to=https://a.example',
  ],
  [
    'http://x.example',
    '/verify',
    'https://a.example/?a=1&b=2',
    'http://x.example/verify?token=h&type=signup&redirect_to=https%3A%2F%2Fa.example%2F%3Fa%3D1%26b%3D2',
  ],
])('actionLink(%j, %j) to %j', (external, path, target, link) => {
  expect(actionLink(external, path, 'h', 'signup', target)).toBe(link)
})
