// The variables of imgproxy, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'

export const deriveImgproxy = (storageFolder: string, webpDetection: boolean): Environment => ({
  IMGPROXY_BIND: ':5001',
  // Upstream's container sees nothing but the objects; here the root is their folder, so that nothing else can be read.
  IMGPROXY_LOCAL_FILESYSTEM_ROOT: storageFolder,
  IMGPROXY_USE_ETAG: 'true',
  IMGPROXY_AUTO_WEBP: String(webpDetection),
  IMGPROXY_MAX_SRC_RESOLUTION: '16.8',
})
